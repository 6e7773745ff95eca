export { contract as identityContract } from './contract.ts'
export { errors as identityErrors } from './errors.ts'
export * as identityEvents from './events.ts'
export { messages as identityMessagesEn } from './messages.en.ts'
export { messages as identityMessagesZh } from './messages.zh-CN.ts'
export { isRole, isWithin, type Masked, type PersonField, permissionsOf, type Role, readPhone, roles, type Unmasked } from './model.ts'
export { routes as identityRoutes } from './routes.ts'
export { changePassword, endOwnSessions, listOwnSessions, type OwnSession } from './service/own-account.ts'
export {
  findPerson,
  findPhoneForMessage,
  getPerson,
  listPeople,
  type NewHousehold,
  type NewPersonInput,
  type Person,
  type PersonWithHouseholds,
  type Relation,
  registerHousehold,
  registerPerson,
  unmask,
} from './service/people.ts'
export { listReaders, listReadings, type Reader } from './service/readings.ts'
export {
  findResident,
  finishSignIn,
  type Resident,
  resendCode,
  type SignedInResident,
  type StartedSignIn,
  type StartInput,
  startSignIn,
} from './service/residents.ts'
export { purgeSignIns, signOut, signOutEverywhere } from './service/sessions.ts'
export { canActFor, listShares, revokeShare, type Share, type ShareScope, shareWith } from './service/shares.ts'
export {
  confirmSecondFactor,
  createStaff,
  type DemoAccount,
  disableStaff,
  ensureDemoStaff,
  findStaff,
  listStaff,
  listStaffNames,
  listUnchangedDemoStaff,
  type NewStaff,
  type StaffMember,
  type StaffSecrets,
  type StaffSummary,
  signInStaff,
} from './service/staff.ts'
export {
  approveStaffChange,
  declineStaffChange,
  finishEnrolment,
  listStaffChanges,
  proposeStaffAccount,
  proposeStaffChange,
  resetStaffByOperator,
  type StaffChange,
  startEnrolment,
} from './service/staff-changes.ts'
export { type DeviceInput, ensureTenant, findDevice, importAreas, listAreas, listTenants, registerDevice } from './service/tenants.ts'
export type { AreaRow as Area, DeviceRow as Device, TenantRow as Tenant } from './store.ts'
