gateway {
  hostname = "mx.weir.test"
  data_dir = "var"
}

variable "backend" {  # ERROR: Missing value
  type = string
}
