gateway {
  hostname = "mx.weir.test"
  data_dir = "var"
}

locals {
  a = local.b  # ERROR: Cyclic locals
  b = local.c
  c = local.a
  d = local.a
}
