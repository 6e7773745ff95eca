export { atLeast } from './binomial.ts'
