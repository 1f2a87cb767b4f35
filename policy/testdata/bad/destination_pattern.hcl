gateway {
  hostname = "mx.weir.test"
  data_dir = "var"
}

destination "a" {
  domains = ["*@a.test"]  # ERROR: Invalid value
  mx      = ["mx.a.test:25"]  # ERROR: Invalid value
}
