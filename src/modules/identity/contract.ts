import { z } from 'zod'
import { accessErrors } from '#kernel/context.ts'
import { defineContract } from '#kernel/http/contract.ts'
import { errors } from './errors.ts'

const masked = z.string().nullable()
const personShape = { id: z.uuid(), nameMasked: masked, phoneMasked: masked, idNumberMasked: masked, areaCode: z.string().nullable() }
const token = z.string().length(52)

export const contract = defineContract({
  signInStaff: {
    method: 'POST',
    path: '/staff/sessions',
    summary: 'Sign in with user name and password; the token serves for the second factor only',
    permission: 'public',
    body: z.strictObject({ username: z.string().min(1).max(60), password: z.string().min(1).max(200) }),
    response: z.object({ token, needsSecondFactor: z.boolean() }),
    errors: [errors.credentials_refused],
  },
  confirmSecondFactor: {
    method: 'POST',
    path: '/staff/sessions/second-factor',
    summary: 'Finish a sign-in with a code of the authenticator; answers a new token',
    permission: 'public',
    body: z.strictObject({ token: z.string().min(1).max(100), code: z.string().min(1).max(12) }),
    response: z.object({ token }),
    errors: [errors.second_factor_refused],
  },
  endSession: {
    method: 'DELETE',
    path: '/staff/sessions/current',
    summary: 'Sign out, on every device',
    permission: 'identity.session.end',
    response: z.object({ ended: z.int() }),
    errors: [accessErrors.sign_in_first, accessErrors.denied],
  },
  findPerson: {
    method: 'GET',
    path: '/people',
    summary: 'Find a resident by the whole telephone number; the reading is recorded',
    permission: 'identity.person.read',
    query: z.strictObject({ phone: z.string().min(1).max(30) }),
    response: z.object({ ...personShape }),
    errors: [errors.phone_malformed, errors.person_not_found, accessErrors.sign_in_first, accessErrors.denied],
  },
  getPerson: {
    method: 'GET',
    path: '/people/:personId',
    summary: 'One resident, masked, with households; the reading is recorded',
    permission: 'identity.person.read',
    params: z.object({ personId: z.uuid() }),
    response: z.object({
      ...personShape,
      households: z.array(z.object({ id: z.uuid(), addressMasked: z.string(), relation: z.string() })),
    }),
    errors: [errors.person_not_found, accessErrors.sign_in_first, accessErrors.denied],
  },
})
