from .app import main as main
from .config_files import ConfigFiles as ConfigFiles
from .config_files import read_configs as read_configs
from .overrides import Checked as Checked
from .overrides import check_command as check_command
from .plan import Plan as Plan
from .plan import make_plan as make_plan
from .resolved_config import ResolvedConfig as ResolvedConfig
