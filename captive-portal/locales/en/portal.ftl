# Dates
date = { $day } { $month } { $year }
month-1 = January
month-2 = February
month-3 = March
month-4 = April
month-5 = May
month-6 = June
month-7 = July
month-8 = August
month-9 = September
month-10 = October
month-11 = November
month-12 = December
checkout-description = { $plan }, { $months }
months = { $count ->
    [one] { $count } month
   *[other] { $count } months
}
days = { $count ->
    [one] { $count } day
   *[other] { $count } days
}

# Around every page
language-label = Language
language-en = English
language-de = Deutsch
logout = Sign out
help = Questions? We are happy to help:
back = Back to my account

# Why
pending-title = Your connection starts on { $start }
pending-text = Everything is prepared. Until then only this page is open.
active-title = You are online
active-text = Your { $plan } is paid and running.
grace-title = Please renew soon
grace-text = Your paid time ended on { $date }. You are still online for a short while; renew now and nothing is interrupted.
expired-title = Your paid time has ended
expired-text = { $plan } was paid until { $date }. Choose how long to go on: once the payment is in, you are online again within seconds.
paused-title = Your connection is paused
paused-text = You asked us to pause { $plan }. You can be online again right away.
overdue-title = A payment is still open
overdue-text = Your connection is on hold because { $amount } has not been paid. Pay it here and you are online again within seconds.
suspended-title = Your connection is on hold
suspended-text = This cannot be settled on this page. Please get in touch with us, we will sort it out together.
contact-text = Please get in touch with us to go on.
disabled-title = Your connection is switched off
disabled-text = Your connection is switched off at the moment. Please get in touch with us if you have questions.
ended-title = This subscription has ended
ended-text = If you would like to come back to { $brand }, please get in touch with us.

# Details
row-plan = Plan
row-starts = Starts on
row-paid = Paid until
row-grace = Online until
row-resumes = Resumes on
row-banked = Paid time saved
row-debt = Open amount
row-owed = Open on your account
row-credit = Your credit

# Months
offers-title = How long would you like to go on?
offers-prepay-title = Pay ahead
offers-debt-title = Pay and go on
offers-pay = Continue to payment
offers-continue = Continue
line-debt = Open amount
line-credit = Your credit

# Pause
end-pause-text = Paid time that was saved is given back to you.
end-pause-button = End the pause now
pause-link = Pause my connection
pause-title = Pause your connection
pause-text = Your connection stops right away. The time you have paid for is saved and given back when you resume.
pause-until = Resume on
pause-until-hint = Leave it empty to resume whenever you like.
pause-button = Pause now
pause-bad-date = Please choose a day after today.
pause-end-missing = Please choose the day on which to resume.

# History
history-link = Payments and changes
history-title = Payments and changes
history-empty = Nothing has happened yet.
history-paid = paid until { $date }
history-months_bought = Months bought
history-credit_only = Payment kept as credit
history-debt_settled = Open amount settled
history-pause_ended = Pause ended
history-pause_ended_unfunded = Pause ended
history-create = Subscription set up
history-pay = Payment
history-reactivate = Service resumed
history-capture = Payment
history-pause = Paused
history-end_pause = Pause ended
history-suspend = Put on hold
history-lift = Hold lifted
history-grace = Extra days granted
history-disable = Switched off
history-enable = Switched on
history-terminate = Subscription ended

# Back from payment
returned-open-title = Waiting for your payment
returned-open-text = We are waiting for the payment service to confirm. This usually takes a few seconds; this page looks again by itself.
returned-paid-title = Payment received
returned-paid-text = Thank you. Your connection is being opened now.
returned-online-title = You are online again
returned-online-text = Payment received. Online again after { $span }. Paid until { $date }.
returned-done-title = Payment received
returned-done-text = Thank you. Paid until { $date }.
returned-expired-title = This payment was not completed
returned-expired-text = Nothing was paid and nothing was booked. You can start again at any time.
cancelled-notice = The payment was cancelled. Nothing was paid.
done-notice = Done.

# Sign in
login-title = Sign in
login-text = We cannot tell from your connection who you are. Please sign in with the user name and password of your Internet access.
login-user = User name
login-password = Password
login-button = Sign in
login-wrong = The user name or password is not right.
login-too-many = Too many attempts. Please wait a minute and try again.

# When something goes wrong
error-title = That did not work
error-not-found-title = There is no such page
error-not-found = The address may be mistyped or out of date.
error-form-title = Please try again
error-form = For your safety this form is only good for a while and only on your own connection. Please go back and send it once more.
error-refused = This is not possible right now. Your account page shows what is.
error-gateway = The payment service cannot be reached. Nothing was paid. Please try again in a moment.
error-busy = We are very busy right now. Please try again in a moment.
error-method = This cannot be done here.
error-too-long = That is too much at once.
