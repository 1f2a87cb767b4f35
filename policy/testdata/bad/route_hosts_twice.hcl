gateway {
  hostname = "mx.weir.test"
  data_dir = "var"
}

route "relay" {
  hosts = [
    "a.test",
    "b.test:25",
    "A.test:25",  # ERROR: Repeated host
  ]
}

route "ranked" {
  host "a.test" {}
  host "a.test:25" { priority = 20 }  # ERROR: Repeated host
}
