"""TensorBoard's curves and pictures: a table of sentences on what each is and what is good (docs/tensorboard.md)."""

from fnmatch import fnmatchcase

RELATIVE_LOSS = "contrastive/relative_loss"
GUESSING = "Progress/guessing"
SHOWN_AS = {
    RELATIVE_LOSS: "Progress/relative_loss",
    "validation/relative_loss": "Progress/validation_relative_loss",
}
"""Other names that curves have in TensorBoard. It sorts groups by name, capitals first: so this one comes first."""

_PROBE = "0.5 is guessing, 1 is perfect; epoch 0 is before the first epoch. It chooses nothing."
CURVES = {
    "Progress/relative_loss": "Contrastive loss divided by that of guessing, which is ln(1 + negatives). 1 is pure "
    "guessing, lower is better. It can be compared while the queue fills.",
    "Progress/validation_relative_loss": "Progress/relative_loss of the validation images, with negatives among them. "
    "If it rises while that of training falls, the encoder learns the training images by heart.",
    "Progress/guessing": "Where guessing lies, always 1: a line for Progress/relative_loss to be below.",
    "contrastive/top1": "Share of the batch's images whose second view is nearer to the first than every negative in "
    "the queue. Higher is better; guessing gives 1 / (1 + negatives), nearly 0.",
    "loss/total": "What the optimiser lowers: the sum of the other curves of this group. Pretraining shows it once the "
    "queue is full, because until then it climbs with the number of negatives.",
    "loss/contrastive": "InfoNCE loss of finding the second view among the negatives. Shown once the queue is full; "
    "guessing gives ln(1 + negatives). Progress/relative_loss is the same without its dependence on the queue.",
    "loss/stage[1-4]": "Loss between the two views' features after this stage, times its weight. It should fall; with "
    "raw maps (paper.json) it also falls when features merely shrink.",
    "loss/classification": "Cross-entropy of the labels on the training batch. Lower is better; guessing gives ln 2 = "
    "0.69 for a finding that half of the images have, and ln(classes) for equally frequent classes.",
    "similarity/positive": "Mean cosine similarity of the two views of an image. It should stay well above "
    "similarity/negative.",
    "similarity/negative": "Mean cosine similarity of different images. Near 0 is good; if it meets "
    "similarity/positive, views of one image are no more alike than images of different people.",
    "spread/embedding": "How far the embeddings of a batch differ, 0 (all alike) to 1. Behind a head with BatchNorm it "
    "is high whatever happens: look at the stages.",
    "spread/stage[1-4]": "How far the averaged features of this stage differ between the images of a batch, 0 (all "
    "alike: collapse) to 1. It should keep away from 0.",
    "overlap/share": "Of stage_pooling aligned: mean overlap of two views, as a share of the larger one. Larger crops "
    "raise it.",
    "overlap/left_out": "Of stage_pooling aligned: share of the view pairs that are not compared at stage "
    "1, mostly because their overlap is below stage_min_overlap. 0 is best; if it is large, enlarge crop_area.",
    "overlap/left_out_stage[2-4]": "The same at a later stage, whose few positions need more overlap: of small images "
    "many pairs have none in common at stage 4. At 1 this stage adds nothing to the loss.",
    "queue/fill": "Share of the queue of negatives that is filled. It should reach 1 and stay there.",
    "schedule/learning_rate": "Learning rate of the step: it rises during the warm-up and then falls along a cosine.",
    "validation/contrastive_loss": "InfoNCE loss on validation images. Lower is better; guessing gives ln(number of "
    "validation images).",
    "validation/top1": "Share of validation images whose second view is the nearest of all. Higher is better; guessing "
    "gives validation/top1_chance.",
    "validation/top5": "Share of validation images whose second view is among the nearest five. Higher is better; "
    "guessing gives validation/top5_chance.",
    "validation/top1_chance": "What guessing gives for validation/top1: 1 / validation images.",
    "validation/top5_chance": "What guessing gives for validation/top5: 5 / validation images.",
    "validation/loss": "Mean loss on the validation images, without class weights. Lower is better; if it rises while "
    "loss/total falls, the classifier learns the training images by heart.",
    "validation/macro_auc": "Area under the ROC curve on validation images, averaged over the classes that have both "
    "positives and negatives. 0.5 is guessing, 1 is perfect.",
    "validation/macro_average_precision": "Average precision on validation images, averaged over classes. Guessing "
    "gives the share of positives, 1 is perfect.",
    "validation/macro_f1": "F1 score on validation images, averaged over classes; for findings at the thresholds best "
    "for these very images, so it flatters. Higher is better, 1 is perfect.",
    "validation/roc*": "ROC curves of the validation images; the diagonal is guessing.",
    "validation/precision_recall*": "Precision-recall curves; guessing gives a flat line at the share of positives.",
    "validation/confusion*": "How often each true class was called what, on validation images.",
    "validation/right": "Validation images about which the classifier is surest and right, by row in labelled.json.",
    "validation/wrong": "Validation images about which the classifier is surest and wrong, by row in labelled.json.",
    "collapse/rank_stage[1-4]": "Effective rank: in how many directions the features of validation images differ after "
    "this stage. Stage 4 near 1 is a collapse; healthy runs have 36 or more, and few images give less.",
    "collapse/spread_stage[1-4]": "How far the features of validation images differ after this stage, 0 (all alike) to "
    "1.",
    "collapse/margin_stage4": "Before the head: mean similarity of two views of an image less that of different "
    "images. 0 means that the encoder cannot tell images apart.",
    "collapse/margin": "Behind the head: mean similarity of two views of an image less that of different images. 0 "
    "means that they cannot be told apart.",
    "collapse/top1": "Share of the watched validation images whose second view is the nearest of all. Higher is "
    "better; guessing gives collapse/top1_chance.",
    "collapse/top1_chance": "What guessing gives for collapse/top1: 1 / watched images.",
    "probe/knn_auc": f"Mean AUC on validation labels of a vote of the 20 nearest training images by stage 4. {_PROBE}",
    "probe/ridge_auc_stage[1-4]": f"Mean AUC on validation labels of a linear classifier on this stage. {_PROBE}",
    "speed/images_per_second_training": "Images per second while training, of all processes; it should be steady.",
    "speed/images_per_second_epoch": "Images per second over the whole epoch, with validation and all else.",
    "speed/seconds_*": "Seconds of the epoch that this phase took; docs/pretraining.md, 'Speed', says what to do where "
    "one is large.",
    "views/pairs": "The first view pairs of the epoch as the network sees them: upper row first views, lower row "
    "second views. They should be recognisable and differ.",
    "settings/text_summary": "The settings of the run.",
}
"""By name, or by a pattern of names."""

OVERLAID = {
    "Is it learning?": {
        "loss / guessing (below 1 is learning)": ["Multiline", ["^Progress/relative_loss$", "^Progress/guessing$"]],
        "similarity of two views, and of different images": ["Multiline", ["^similarity/"]],
        "validation: nearest view found, and by guessing": ["Multiline", ["^validation/top1"]],
        "probes: AUC by labels (epoch 0: before the first)": ["Multiline", ["^probe/"]],
    }
}
"""Curves that belong into one picture, for the tab *Custom scalars*, as ``add_custom_scalars`` takes it."""


def description_of(tag: str) -> str:
    """The sentence on a curve or picture, by its name in TensorBoard; empty where it has none."""
    return next((text for pattern, text in CURVES.items() if fnmatchcase(tag, pattern)), "")
