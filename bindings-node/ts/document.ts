/** A policy document of AWS, ready for `JSON.stringify`. */
export interface PolicyDocument {
  readonly Version?: string
  readonly Id?: string
  readonly Statement: PolicyStatement | readonly PolicyStatement[]
}

/** A statement of a policy document. Its other elements are what the policy language allows. */
export interface PolicyStatement {
  readonly Effect: 'Allow' | 'Deny'
  readonly [element: string]: unknown
}

/** A policy document that podrole made: its statements are a list. */
export interface NewPolicyDocument extends PolicyDocument {
  readonly Version: string
  readonly Statement: readonly PolicyStatement[]
}
