import configparser
import multiprocessing
import os
import sys
import traceback
from glob import glob


def make_log_cfg(log_name):
    """Write pipeline-log.cfg, which tells the pipeline to write its log to a file."""
    config = configparser.ConfigParser()
    config.add_section("*")
    config.set("*", "handler", "HANDLER:" + log_name)
    config.set("*", "level", "INFO")
    with open("pipeline-log.cfg", "w") as file:
        config.write(file)


def run_det1(uncal_file, output_dir):
    """Run the Detector1 pipeline on one file; a crash leaves a file with its traceback."""
    name = os.path.basename(uncal_file).replace(".fits", "")
    make_log_cfg(name + ".log")
    from jwst.pipeline.calwebb_detector1 import Detector1Pipeline

    pipe_success = False
    crash = ""
    try:
        det1 = Detector1Pipeline()
        det1.call(uncal_file, output_dir=output_dir, logcfg="pipeline-log.cfg", save_results=True)
        pipe_success = True
        print("\n * Pipeline finished for file: ", uncal_file, "\n")
    except Exception:
        print("\n *** The detector1 pipeline crashed! ***\n")
        crash = traceback.format_exc()
    if not pipe_success:
        with open(name + "_pipecrash.txt", "w") as file:
            print(crash, file=file)


def main():
    input_data_dir = "INPUT_DIR"
    output_dir = "OUTPUT_DIR"

    files_to_run = sorted(glob(os.path.join(input_data_dir, "*_uncal.fits")))
    print(f"Will run the pipeline on {len(files_to_run)} files")
    output_dirs = [output_dir for _ in files_to_run]

    cores2use = 1
    print("* Using ", cores2use, " cores for multiprocessing.")
    p = multiprocessing.Pool(cores2use)
    p.starmap(run_det1, zip(files_to_run, output_dirs))
    p.close()
    p.join()


if __name__ == "__main__":
    sys.exit(main())
