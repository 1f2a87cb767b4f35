gateway {
  hostname = "mx.weir.test"
  data_dir = "var"
}

route "relay" { hosts = ["a.test"] }

destination "google" {
  domains = ["gmail.com", "GMAIL.com"]  # ERROR: Repeated value
  routes  = [route.relay]
}

destination "again" {
  domains = ["other.test", "gmail.com"]  # ERROR: Destination is never reached
  routes  = [route.relay]  # ERROR: Destination is never reached
}
