/* SPDX-License-Identifier: Apache-2.0 */
/* Error codes of H.248.8 that the two ends of Iq use, with their sentences. */
#ifndef H248_ERROR_H
#define H248_ERROR_H

#include "proto/base/err.h"

#define H248_ERROR_LIST(X)                                                                         \
	X(400, "Syntax error in message") X(401, "Protocol error")                                 \
	X(402, "Unauthorized") X(403, "Syntax error in transaction request")                       \
	X(406, "Version not supported") X(410, "Incorrect identifier")                             \
	X(411, "The transaction refers to an unknown ContextID")                                   \
	X(412, "No ContextIDs available") X(413, "Number of transactions in message exceeds maximum") \
	X(421, "Unknown action or illegal combination of actions")                                 \
	X(422, "Syntax error in action") X(430, "Unknown TerminationID")                           \
	X(431, "No TerminationID matched a wildcard")                                              \
	X(432, "Out of TerminationIDs or no TerminationID available")                              \
	X(433, "TerminationID is already in a Context")                                            \
	X(434, "Max number of Terminations in a Context exceeded")                                 \
	X(435, "Termination ID is not in specified Context")                                       \
	X(440, "Unsupported or unknown Package")                                                   \
	X(441, "Missing Remote or Local Descriptor") X(442, "Syntax error in command")             \
	X(443, "Unsupported or unknown command") X(444, "Unsupported or unknown descriptor")       \
	X(445, "Unsupported or unknown property") X(446, "Unsupported or unknown parameter")       \
	X(447, "Descriptor not legal in this command") X(448, "Descriptor appears twice")          \
	X(449, "Unsupported or unknown parameter or property value")                               \
	X(450, "No such property in this package") X(451, "No such event in this package")         \
	X(452, "No such signal in this package") X(453, "No such statistic in this package")       \
	X(454, "No such parameter value in this package")                                          \
	X(455, "Property illegal in this Descriptor")                                              \
	X(456, "Property appears twice in this Descriptor")                                        \
	X(457, "Missing parameter in signal or event")                                             \
	X(458, "Unexpected Event/RequestID") X(459, "Unsupported or unknown profile")              \
	X(460, "Unable to set statistic on stream")                                                \
	X(472, "Required information missing") X(473, "Conflicting property values")               \
	X(474, "Invalid SDP syntax") X(500, "Internal software failure in the MG")                 \
	X(501, "Not implemented") X(502, "Not ready") X(503, "Service unavailable")                \
	X(504, "Command received from unauthorized entity")                                        \
	X(505, "Transaction request received before a ServiceChange reply")                        \
	X(506, "Number of transaction pendings exceeded") X(510, "Insufficient resources")         \
	X(511, "Temporarily busy")                                                                 \
	X(512, "Media Gateway unequipped to detect requested Event")                               \
	X(513, "Media Gateway unequipped to generate requested Signals")                           \
	X(515, "Unsupported media type") X(517, "Unsupported or invalid mode")                     \
	X(518, "Event buffer full") X(521, "Termination is being ServiceChanged")                  \
	X(522, "Functionality requested in Topology triple not supported")                         \
	X(526, "Insufficient bandwidth") X(529, "Internal hardware failure in MG")                 \
	X(530, "Temporary network failure") X(531, "Permanent network failure")                    \
	X(532, "Audited property, statistic, event or signal does not exist")                      \
	X(533, "Response exceeds maximum transport PDU size")

/** The sentence of a code; never NULL. */
static inline const char *h248_error_text(unsigned code)
{
	switch (code) {
#define H248_ERROR_ROW(n, text)                                                                    \
	case n:                                                                                    \
		return text;
		H248_ERROR_LIST(H248_ERROR_ROW)
#undef H248_ERROR_ROW
	default:
		return "Unknown error";
	}
}

#endif
