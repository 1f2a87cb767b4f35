gateway {
  hostname = "mx.weir.test"
  data_dir = "var"
}

listener "submission" {  # ERROR: Nobody is admitted
  address   = ":2587"
  direction = "outbound"
}
