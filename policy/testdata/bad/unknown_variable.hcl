gateway {
  hostname = "mx.weir.test"
  data_dir = "var"
}

variable "backend" { default = "a.test" }

tenant "acme" {
  domains = [var.backened]  # ERROR: Unknown variable
}
