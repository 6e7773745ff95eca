import { route } from '#kernel/http/contract.ts'
import { contract } from './contract.ts'
import { findPerson, getPerson } from './service/people.ts'
import { signOutEverywhere } from './service/sessions.ts'
import { confirmSecondFactor, signInStaff } from './service/staff.ts'

export const routes = {
  signInStaff: route(contract.signInStaff, (ctx, { body }) => signInStaff(ctx, body)),
  confirmSecondFactor: route(contract.confirmSecondFactor, (ctx, { body }) => confirmSecondFactor(ctx, body)),
  endSession: route(contract.endSession, ctx => signOutEverywhere(ctx)),
  findPerson: route(contract.findPerson, (ctx, { query }) => findPerson(ctx, query)),
  getPerson: route(contract.getPerson, (ctx, { params }) => getPerson(ctx, params.personId)),
}
