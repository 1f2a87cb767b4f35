gateway {
  hostname = "mx.weir.test"
  data_dir = "var"
}

destination "google" { connections = 3 }  # ERROR: Destination matches nothing

destination "empty" {  # ERROR: Destination matches nothing
  domains = []
}
