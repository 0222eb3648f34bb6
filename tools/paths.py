"""Where things stand in the tree."""

from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
VENVS = ROOT / ".venvs"
SHARED = ROOT / "shared"
CLIENT = ROOT / "clients" / "python"
MODELS = ROOT / "models"
VIEWER = ROOT / "gradio_viewer"
LOCK = ROOT / "requirements.lock"
