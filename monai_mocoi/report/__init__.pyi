from .encoder_analysis import PARTS as PARTS
from .encoder_analysis import EncoderAnalysis as EncoderAnalysis
from .linear_cells import LinearCells as LinearCells
from .linear_request import LinearRequest as LinearRequest
