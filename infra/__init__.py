"""What a deployment is made of: Terraform, staged functions, images."""
