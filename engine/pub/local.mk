# engine/pub
