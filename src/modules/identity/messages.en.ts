import type { messages as base } from './messages.zh-CN.ts'

export const messages: Record<keyof typeof base, string> = {
  'identity.phone_malformed': 'Enter a mobile number of 11 digits.',
  'identity.id_number_malformed': 'The ID number is not correct. Check it and try again.',
  'identity.too_many_codes': 'Too many codes were asked for. Try again in {minutes} minutes.',
  'identity.code_not_sent': 'The code could not be sent. Try again in a minute.',
  'identity.code_wrong': 'The code is wrong or no longer valid. Check it or ask for a new one.',
  'identity.credentials_refused': 'User name or password is wrong. Five failures in a row lock the account for 15 minutes.',
  'identity.second_factor_refused': 'The code is wrong, was used before, or the sign-in took too long. Sign in again.',
  'identity.person_not_found': 'No such resident was found.',
  'identity.person_exists': 'This telephone or ID number is registered already.',
  'identity.field_empty': 'Nothing is on record here.',
  'identity.name_missing': 'Enter the name.',
  'identity.reason_missing': 'Say why the full value is needed.',
  'identity.username_taken': 'This user name is taken.',
  'identity.password_too_short': 'The password needs at least {min} characters.',
  'identity.staff_not_found': 'There is no such staff account.',
  'identity.own_role': 'You cannot change your own role or account.',
  'identity.area_unknown': 'Unknown area code: {code}',
  'identity.share_with_self': 'You cannot share with yourself.',
  'identity.too_many_shares': 'You can share with at most {max} people.',
  'identity.share_not_found': 'There is no such share.',
}
