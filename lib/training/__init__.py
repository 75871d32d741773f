"""Training as section 4 of the paper says: batches, augmentation, class weights, stages, stored activations."""
