from .encoder_analysis import PARTS as PARTS
from .encoder_analysis import EncoderAnalysis as EncoderAnalysis
