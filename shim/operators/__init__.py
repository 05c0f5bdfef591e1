"""The operators, one file each."""

from .cancel_wandb_job import CancelWandBJob
from .get_wandb_run_info import GetWandBRunInfo
from .load_view_from_wandb import LoadViewFromWandB
from .log_evaluation_to_wandb import LogEvaluationToWandB
from .log_fiftyone_view_to_wandb import LogFiftyOneViewToWandB
from .log_model_predictions import LogModelPredictions
from .log_wandb_run import LogWandBRun
from .log_worker_slot import LogWorkerSlot
from .login_to_wandb import LoginToWandB
from .manage_runs import RemoveWandBRun, RenameWandBRun
from .open_wandb_panel import OpenWandBPanel
from .resume_wandb_job import ResumeWandBJob
from .show_wandb_report import ShowWandBReport
from .show_wandb_run import ShowWandBRun
from .sync_wandb_offline import SyncWandBOffline
from .wandb_panel import WandBPanel

# In the order of the operator browser; those that are not listed there come last.
OPERATORS = (
    LogFiftyOneViewToWandB,
    LogModelPredictions,
    LogEvaluationToWandB,
    LoadViewFromWandB,
    GetWandBRunInfo,
    ShowWandBRun,
    ShowWandBReport,
    OpenWandBPanel,
    SyncWandBOffline,
    CancelWandBJob,
    ResumeWandBJob,
    LogWandBRun,
    RenameWandBRun,
    RemoveWandBRun,
    LoginToWandB,
    LogWorkerSlot,
)

PANELS = (WandBPanel,)
