"""What tests start from, made through the product's own use cases. One module an app."""
