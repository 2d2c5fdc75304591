"""The page as a Hugging Face Space: open to everybody, within narrow limits (`remi_two_stage/demo/limits.py`)."""

import os

from remi_two_stage.demo.server import serve

if __name__ == "__main__":
    serve(os.environ.get("REMI_MODEL"), port=7860, public=True)
