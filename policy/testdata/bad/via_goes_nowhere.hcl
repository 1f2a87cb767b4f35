gateway {
  hostname = "mx.weir.test"
  data_dir = "var"
}

via "partners" { recipient = ["partner.test"] }  # ERROR: Via goes nowhere

via "others" {  # ERROR: Via goes nowhere
  recipient = ["other.test"]
  mx        = false
}
