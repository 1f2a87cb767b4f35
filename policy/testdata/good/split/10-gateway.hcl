gateway {
  hostname = "mx.weir.test"
  data_dir = "var"
}

variable "domain" {}
