from .barlow_twins import BarlowTwinsLoss as BarlowTwinsLoss
from .classification import KnownValuesLoss as KnownValuesLoss
from .classification import classification_loss as classification_loss
from .global_batch import global_sum as global_sum
from .global_batch import standardize as standardize
from .info_nce import InfoNCELoss as InfoNCELoss
from .stage_mse import StageMSELoss as StageMSELoss
