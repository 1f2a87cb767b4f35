gateway {
  hostname = "mx.weir.test"
  data_dir = "var"
}

locals { a = 1 }
locals { a = 2 }  # ERROR: Repeated name
