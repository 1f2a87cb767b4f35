gateway {
  hostname = "mx.weir.test"
  data_dir = "var"
}

tenants "more" {
  for_each = "acme"  # ERROR: Invalid value
  name     = each.value
  domains  = [each.value]
}
