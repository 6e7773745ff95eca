export { checkLedger } from './doctor.ts'
export { assertBalanced, type Posting, type Template, type Unit } from './model.ts'
export {
  ensureAccount,
  findBooking,
  findBookings,
  journalPosted,
  listBalances,
  mapBalances,
  post,
  postingsBody,
  registerFold,
  reverse,
} from './service.ts'
export {
  balancesBefore,
  sqlEntriesOf,
  sqlInsertJournals,
  sqlJournalDebits,
  sqlMovedBy,
  sqlMovedOn,
  sqlMovements,
  sqlSumsOf,
} from './store.ts'
