package kafka

import (
	"errors"
	"fmt"

	ck "github.com/confluentinc/confluent-kafka-go/v2/kafka"

	"weir/exec"
)

// codeOf is the Kafka error code in err.
func codeOf(err error) (ck.ErrorCode, bool) {
	var ke ck.Error
	if errors.As(err, &ke) {
		return ke.Code(), true
	}
	return 0, false
}

// waitable reports errors that pass when a broker comes up, a topic is created or a coordinator moves.
func waitable(err error) bool {
	if errors.Is(err, errWait) {
		return true
	}
	var ke ck.Error
	if !errors.As(err, &ke) {
		return false
	}
	if ke.IsRetriable() || ke.IsTimeout() {
		return true
	}
	switch ke.Code() {
	case ck.ErrTransport, ck.ErrAllBrokersDown, ck.ErrTimedOut, ck.ErrTimedOutQueue, ck.ErrResolve, ck.ErrRequestTimedOut,
		ck.ErrUnknownTopicOrPart, ck.ErrUnknownTopic, ck.ErrUnknownPartition, ck.ErrLeaderNotAvailable, ck.ErrNotLeaderForPartition,
		ck.ErrCoordinatorLoadInProgress, ck.ErrCoordinatorNotAvailable, ck.ErrNotCoordinator, ck.ErrBrokerNotAvailable,
		ck.ErrNetworkException, ck.ErrUnstableOffsetCommit, ck.ErrWaitCoord, ck.ErrUnknownTopicID, ck.ErrConcurrentTransactions,
		ck.ErrReplicaNotAvailable, ck.ErrFencedLeaderEpoch, ck.ErrUnknownLeaderEpoch, ck.ErrOffsetNotAvailable:
		return true
	}
	return false
}

// errWait marks a state that may pass by itself.
var errWait = errors.New("not there yet")

// denied turns an authorization or authentication error into a message that names what is missing; nil for other errors.
// what says which permission the call needed.
func denied(doing string, err error, what string) error {
	code, ok := codeOf(err)
	if !ok {
		return nil
	}
	switch code {
	case ck.ErrAuthentication, ck.ErrSaslAuthenticationFailed:
		return exec.Fatalf("check 'properties.security.protocol', 'properties.sasl.mechanism', 'properties.sasl.username' and 'properties.sasl.password' of the table",
			doing, fmt.Errorf("the broker refuses the credentials: %w", err))
	case ck.ErrSsl:
		return exec.Fatalf("check 'properties.security.protocol' and the 'properties.ssl.*' of the table", doing, fmt.Errorf("no TLS connection: %w", err))
	case ck.ErrUnsupportedSaslMechanism:
		return exec.Fatalf("ask for the mechanisms that the broker has and set 'properties.sasl.mechanism'", doing, err)
	case ck.ErrTopicAuthorizationFailed, ck.ErrGroupAuthorizationFailed, ck.ErrTransactionalIDAuthorizationFailed, ck.ErrClusterAuthorizationFailed:
		return exec.Fatalf("grant "+what+" to the user of this job (kafka-acls --add)", doing, fmt.Errorf("not authorized: %w", err))
	}
	return nil
}

// fatalCode reports errors after which a client never recovers by waiting.
func fatalCode(c ck.ErrorCode) bool {
	switch c {
	case ck.ErrAuthentication, ck.ErrSaslAuthenticationFailed, ck.ErrUnsupportedSaslMechanism, ck.ErrSsl:
		return true
	}
	return false
}
