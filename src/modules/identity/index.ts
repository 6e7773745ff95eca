export { contract as identityContract } from './contract.ts'
export { errors as identityErrors } from './errors.ts'
export * as identityEvents from './events.ts'
export { startJobs as startIdentityJobs } from './jobs.ts'
export { messages as identityMessagesEn } from './messages.en.ts'
export { messages as identityMessagesZh } from './messages.zh-CN.ts'
export {
  DEVICE_SILENT_MS,
  isRole,
  isWithin,
  type Masked,
  type PersonField,
  permissionsOf,
  type Role,
  readPhone,
  roles,
  SLIPS_A_ROLL,
  type Unmasked,
} from './model.ts'
export { routes as identityRoutes } from './routes.ts'
export {
  addDevice,
  challengeDevice,
  changePaper,
  type Device,
  type DeviceCode,
  enrolDevice,
  enrolText,
  findDevice,
  hasPass,
  listDevices,
  proofText,
  proveDevice,
  renewDeviceCode,
  revokeDevice,
  watchDevices,
} from './service/devices.ts'
export { endKioskVisit, findKioskVisit, kioskPayer, noteSlip, startKioskVisit, type VisitEnd } from './service/kiosk-visits.ts'
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
  startProof,
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
export { ensureTenant, importAreas, listAreas, listTenants } from './service/tenants.ts'
export type { AreaRow as Area, TenantRow as Tenant } from './store.ts'
