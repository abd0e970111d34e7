from . import analysis as analysis
from . import cli as cli
from . import data as data
from . import demo as demo
from . import distributed as distributed
from . import engines as engines
from . import errors as errors
from . import figures as figures
from . import files as files
from . import handlers as handlers
from . import losses as losses
from . import metrics as metrics
from . import networks as networks
from . import packaging as packaging
from . import report as report
from . import runs as runs
from . import transforms as transforms

__version__: str
