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
pause-title = Pause your connection
pause-text = While it is paused, your connection is off. The time you have paid for is saved and given back when you resume.
pause-until = Pause until
pause-button = Pause my connection
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
history-reverted = Taken back later
history-renewed = Renewed from your credit
history-lapsed = Paid time ended
history-start_due = Connection begun
history-cancel = Called off
history-expiry_due = Paid time ended
history-set_renewal = Renewal changed
history-pause-scheduled = Pause planned
history-pause_due = Pause begun
history-pause_due-dropped = Planned pause did not begin
history-end_pause-unscheduled = Planned pause called off
history-suspend-scheduled = Put on hold, postponed
history-postpone = Hold postponed
history-change_plan = Plan changed
history-change_plan-scheduled = Change of plan planned
history-cancel_change = Change of plan called off
history-request_change = Change of plan asked for
history-change_due = Plan changed
history-change_due-dropped = Planned change of plan did not happen
history-terminate-scheduled = End planned
history-terminate_due = Subscription ended
history-cancel_termination = Planned end called off
history-open_portal = Our support looked at your account
history-reinstate = Subscription restored
history-revert = Booking corrected
history-refund = Money given back
history-chargeback = Payment taken back
history-post = Payment confirmed
history-void = Payment did not arrive

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

# Dates with a time of day
moment = { $date }, { $time }

# What must not be overlooked
alert-grace = Your paid time is over. You are online until { $until }; please renew before that.
alert-postponed = An amount is still open. Your connection stays open until { $until }.

# More reasons
locked-title = Your connection is paused
locked-text = We paused your connection, and only we can end the pause. Please get in touch with us.
called-off-title = This order was called off
called-off-text = Your connection was called off before it began. If you would like to come back to { $brand }, please get in touch with us.
refused-pause-locked = We paused your connection, and only we can end the pause. Please get in touch with us.

# More details
row-user = User name
row-services = Also included

# After the months
then-pause = Pause my connection at the end of this time

# A suspension put off
postpone-title = Need a little more time?
postpone-text = Once, you can put this off: you are online until { $until }, and pay by then.
postpone-button = Put it off
postpone-used = You have put this off until { $until }. This can be done once; please pay by then.
postpone-over = You had put this off until { $until }. This can be done once; please pay to be online again.

# What is planned
planned-pause-title = A pause is planned
planned-pause-text = Your connection pauses on { $from } and goes on on { $until }.
planned-pause-open-text = Your connection pauses on { $from }, until you resume it.
planned-pause-button = Call off the pause
planned-change-title = A change of plan is planned
planned-change-text = Your plan becomes { $plan } on { $date }. This costs { $price } then.
planned-change-free-text = Your plan becomes { $plan } on { $date }. The change itself costs nothing.
planned-change-refund-text = Your plan becomes { $plan } on { $date }. You get { $price } back as credit then.
planned-change-button = Keep my plan
planned-end-title = Your subscription ends
planned-end-text = Your subscription ends on { $date }. Until then nothing changes.
planned-end-button = Keep my subscription

# Pause, in detail
pause-link = Pause my connection
pause-from = Pause from
pause-now = Now
pause-later = On a day
pause-from-date = First day of the pause
pause-open = Until I resume it
pause-on = Until a day
pause-until-date = First day online again
pause-for = For some days
pause-days = Number of days
pause-bad-days = Please say for how many days, such as 14.
pause-fee = A pause costs
pause-days-max = Longest pause
pause-days-left = Days of pause left this year
pause-times-left = Pauses left this year

# Pause at the end of what is paid
follow-link = Pause at the end of my paid time
follow-title = Pause at the end of your paid time
follow-text = You stay online until { $date }. Then your connection pauses until you resume it, and nothing more is billed.
follow-button = Pause then

# Another plan
plan-link = Change my plan
plan-title = Change your plan
plan-which = Your new plan
plan-price = { $amount } for { $months }
plan-start = From when on?
plan-start-next = When my paid time ends, on { $date }
plan-start-now = Now
plan-start-date = On a day
plan-date = First day of the new plan
plan-button = Show the price
price-title = What the change costs
price-now-text = From { $from } to { $plan }, now.
price-later-text = From { $from } to { $plan }, on { $date }.
price-refund = Unused time of { $plan }
price-charge = { $plan } for the same time
price-fee = Fee for the change
price-total = Total
price-back = You get back as credit
price-button = Change my plan
price-back-link = Choose again
price-changed = The price is another one now. Please look at it again before you change.
price-missing-now = { $amount } is missing on your account. Pay it in first; then you can change.
price-missing-later = { $amount } is missing on your account. It must be there on { $date }, or your plan stays as it is.
pay-in-button = Pay in { $amount }
pay-in-description = Credit for your account
request-title = Something else?
request-text = Tell us what you would like; we answer here.
request-plan = Plan
request-any = I am not sure
request-message = Your message
request-button = Send
request-bad = Please write what you would like, in up to 500 characters.
request-too-many = Several of your requests wait for our answer already. We will get to them soon.
tickets-title = Your requests
ticket-open = We have your request of { $date } and will answer it here.
ticket-closed = Answered on { $date }

# The end
call-off-link = Call off my order
call-off-title = Call off your order?
call-off-text = Your connection will not begin. What you have paid stays yours as credit. This cannot be undone here.
call-off-button = Call it off
end-link = End my subscription
end-title = End your subscription
end-text = You will have no connection any more. This cannot be undone here once it has happened.
end-date = Last day with us is the day before
end-date-hint = Leave it empty to end it now.
end-sure = Yes, I want to end my subscription
end-not-sure = Please confirm that you want to end your subscription.
end-button = End it

# Told until it was seen
notice-button = I have read this
notice-entry = an entry
notice-revert-title = A booking was corrected
notice-revert-text = On { $date } we took back “{ $what }” of { $when }. You are paid until { $paid }; your balance is { $balance }.
notice-void-title = A payment did not arrive
notice-void-text = On { $date } we had to take back “{ $what }” of { $when }, as its payment never arrived. You are paid until { $paid }; your balance is { $balance }.
notice-change-dropped-title = Your plan was not changed
notice-change-dropped-text = The change that was planned for { $date } could not be made. Your plan is still { $plan }. You can change it anew.
notice-pause-dropped-title = Your pause did not begin
notice-pause-dropped-text = The pause that was planned for { $date } could not begin. You can plan it anew.

# An operator looks
watched-text = You see this as { $who }, logged in as operator { $operator }
watched-end = End
pass-elsewhere = This address belongs to a subscriber. Please open the link from another one; it is still good.
pass-bad = This link is used up or too old. Please ask for a new one.

# Back from payment, on the account
returned-credit-title = Payment received
returned-credit-text = Thank you. The money is on your account now.

# Refusals
refused-standing = This is not possible as your connection is now. Your account page shows what is.
refused-planned = Something like this is planned already. Please call that off first.
refused-switched-off = This cannot be done here. Please get in touch with us.
refused-not-on-sale = { $plan } is not on sale at the moment. Please choose another plan.
refused-months = { $plan } can be had for these numbers of months: { $months }.
refused-funds = This costs { $price }, and there is { $available } on your account: { $missing } is missing.
refused-end = The pause must end after it begins, on { $start }. Please choose a later day.
refused-past = Please choose a day after today.
refused-days = Please choose 1 to { $days } days.
refused-pause-long = A pause lasts { $days } at the most and needs an end. Please choose an earlier one.
refused-pause-days = You have { $days } of pause left this year. Please choose a shorter pause, with an end.
refused-pause-times = A pause is possible { $max } times a year, and you have used them. Next year you can pause again.
refused-pause-early = You can pause from { $date } on.
refused-pause-debt = { $amount } is open. Please pay it first; then you can pause.
refused-postponed = You have put this off once already. Please pay the open amount.
refused-postponed-long = This can be put off until { $until } at the latest.
refused-target = You cannot change to { $plan } yourself. Please choose another plan or send us a request.
refused-same-plan = You have { $plan } already.
