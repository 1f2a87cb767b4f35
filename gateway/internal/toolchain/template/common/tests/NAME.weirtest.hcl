# Scenarios for "weir plugin test": what happens, and what the plugin shall say
# to it. What an expect block does not mention must not be there.

scenario "a subject in capitals is found" {
  mail "loud" {
    message = <<-EOT
      From: ann@sender.test
      To: bob@here.test
      Subject: READ THIS AT ONCE

      Please.
    EOT
    expect "message" {
      finding "spam/shouting" {
        score = 3
      }
    }
  }
}

scenario "other subjects pass" {
  mail "calm" {
    message = <<-EOT
      From: ann@sender.test
      To: bob@here.test
      Subject: Lunch on Thursday?

      Shall we?
    EOT
  }
  mail "too short to judge" {
    message = <<-EOT
      From: ann@sender.test
      To: bob@here.test
      Subject: RE: Q3

      Numbers attached.
    EOT
  }
  mail "without a subject" {
    message = <<-EOT
      From: ann@sender.test
      To: bob@here.test

      Hello.
    EOT
  }
}

scenario "the configuration counts" {
  config {
    letters = 3
    score   = 1.5
  }
  mail "short and loud" {
    message = <<-EOT
      From: ann@sender.test
      To: bob@here.test
      Subject: RE: Q3

      Numbers attached.
    EOT
    expect "message" {
      finding "spam/shouting" {
        score       = 1.5
        explanation = "/capitals/"
      }
    }
  }
}
