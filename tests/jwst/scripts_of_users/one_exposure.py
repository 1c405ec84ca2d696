import sys

from jwst.pipeline import Detector1Pipeline

uncal_file = "UNCAL_FILE"
output_dir = "OUTPUT_DIR"


def main():
    det1 = Detector1Pipeline()
    parameter_dict = {"ramp_fit": {"maximum_cores": "all"}}
    det1.call(uncal_file, save_results=True, steps=parameter_dict, output_dir=output_dir)


if __name__ == "__main__":
    sys.exit(main())
