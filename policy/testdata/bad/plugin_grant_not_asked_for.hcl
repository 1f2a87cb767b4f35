gateway {
  hostname = "mx.weir.test"
  data_dir = "var"
}

plugin "rules" {
  source = "builtin:rules"
  grant {
    dial = ["unix:/run/clamav/clamd.ctl"]  # ERROR: Grant is not asked for
  }
}
