/** Fixed addresses of the staff pages. */
export const staffPaths = {
  home: '/staff',
  signIn: '/staff/sign-in',
  second: '/staff/second-factor',
  search: '/staff/search',
  signOut: '/staff/sign-out',
} as const
