gateway {
  hostname = "mx.weir.test"
  data_dir = "var"
}

locals {
  hosts = ["a.test"]
}

tenant "acme" {
  domains = local.host  # ERROR: Unknown local
}
