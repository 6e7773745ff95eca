/** Fixed addresses of the staff pages. */
export const staffPaths = {
  home: '/staff',
  signIn: '/staff/sign-in',
  second: '/staff/second-factor',
  search: '/staff/search',
  rescues: '/staff/rescues',
  reconciliation: '/staff/reconciliation',
  statements: '/staff/statements',
  signOut: '/staff/sign-out',
  me: '/staff/me',
  password: '/staff/me/password',
  endSession: '/staff/me/sessions/end',
  endOthers: '/staff/me/sessions/end-others',
  accounts: '/staff/accounts',
  accountNew: '/staff/accounts/new',
  enrol: '/staff/enrol',
  enrolFinish: '/staff/enrol/finish',
} as const
