gateway {
  hostname = "mx.weir.test"
  data_dir = "var"
}

variable "port" {
  type    = number
  default = "many"  # ERROR: Invalid default
}
