gateway {
  hostname = "mx.weir.test"
  data_dir = "var"
}

variable "names" {
  type    = list(string)
  default = []
}

plugin "rules" {
  source = "builtin:rules"
  grant {
    lists = []        # ERROR: Invalid value
    dns   = var.names # ERROR: Invalid value
  }
}
