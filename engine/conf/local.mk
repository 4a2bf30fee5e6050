# engine/conf
