gateway {
  hostname = "mx.weir.test"
  data_dir = "var"
}

tenant "acme" {
  domains = ["acme.test"]
  route { hosts = ["127.0.0.1:2526"] }
}

tenants "more" {
  for_each = ["acme"]
  name     = each.value  # ERROR: Repeated name
  domains  = ["acme.example"]
}
