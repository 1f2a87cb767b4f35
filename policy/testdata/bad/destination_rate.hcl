gateway {
  hostname = "mx.weir.test"
  data_dir = "var"
}

destination "a" {
  domains = ["a.test"]
  rate    = "600"  # ERROR: Invalid value
}

destination "b" {
  domains = ["b.test"]
  rate    = "0/1m"  # ERROR: Invalid value
}

destination "c" {
  domains = ["c.test"]
  rate    = "10/minute"  # ERROR: Invalid value
}

destination "d" {
  domains = ["d.test"]
  rate    = 600  # ERROR: Invalid value
}

destination "e" {
  domains = ["e.test"]
  rate    = "10/1ms"  # ERROR: Invalid value
}
