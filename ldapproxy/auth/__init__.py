"""The first floor: the decision about a bind, without loop, clock, exception or log.

outcomes        the words: what the world said, verdicts, reasons
fail_mode       what each outcome of the second factor means under each mode: one table
policy          what a listener asks of a bind, and who is exempt
preconditions   what is refused before anybody is asked
credentials     `password,push`: the forms of a credential
names           the forms of a name in a bind: a DN, a bare account name, others
usernames       the name that is sent to Duo
effects         what a bind asks of the world, as values
bind_flow       one bind from credential to verdict, as a generator of effects
reasons         the reason that a verdict has
remembered      logins that need no second factor for a while
late_approvals  approvals that came when the client had left, good for its next try
push_limits     how often a person is asked
patience        when clients that hang up show a time-out that is too short
failed_binds    how many wrong passwords go on to the directory
replies         the BindResponse that a verdict becomes
audit           the record that a bind leaves
enrolment       what people and administrators see of offline authenticators
sign_in         what it takes to get into the self-service portal
portal_audit    the record that an action in the portal leaves
"""
