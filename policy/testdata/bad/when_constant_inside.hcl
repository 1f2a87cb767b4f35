gateway {
  hostname = "mx.weir.test"
  data_dir = "var"
}

ruleset "baseline" {
  action "a" {
    when = finding.main == "spam" && score == "3"  # ERROR: Condition is constant
    do   = accept()
  }
}
